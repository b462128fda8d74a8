"""What the doctor reads on a host, and what it makes of it: see docs/decisions.md and playbooks/doctor.yml.

`logs`, `machine`, `rabbitmq`, `activemq` and `question` run on the host and judge nothing. `judging` and the `checks_*`
run on the controller and read nothing. The knowledge table (../knowledge) has the words.
"""
