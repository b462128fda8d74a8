"""Probes: small tests that a broker delivers messages, and refuses what it should.

model        what a probe sees and what it returns
registry     the list of probes and the choice among them
endpoints    which brokers to probe: those of artifacts/endpoints.json, by inventory, or URLs given directly
classify     what speaks on a port, told from its first bytes
ports        ... each looked at once in a run
identity     which broker answers, as it says itself before anybody logs in
waiting      calls that hang are left behind, names included
attempts     a client connects, and the port is looked at beside it
diagnosis    a failed connection in one sentence, with a remedy
refusals     a refused login, vhost or command in one sentence, with a remedy
amqp*        probes over AMQP 0-9-1 (pika)
stomp*       probes over STOMP (stomp.py)
management*  probes over RabbitMQ's management API
negative     what has to be refused
durability   the pair of probes around a restart of the broker
files        secrets are read only from private files, reports written in one step
pairs        brokers that share a store: who serves, and who stands by
runner       every probe in a thread of its own, bounded by its deadline
report*      a table, JSON, JUnit, Prometheus, Nagios
"""
