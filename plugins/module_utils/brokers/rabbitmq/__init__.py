"""RabbitMQ: what its roles and modules know of a node and its cluster."""
