"""What an inventory's brokers need to be watched by Prometheus: on the controller alone, which has PyYAML."""
