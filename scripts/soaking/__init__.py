"""What scripts/soak.py is made of: messages are counted one by one while something is done to the broker.

arguments    the command line, with a bound on everything
targets      which members of one broker are meant
ledger       every message of a worker: published, confirmed, delivered, lost  (pure)
service      how long a client was without service                            (pure)
timeline     figures per second, latencies in buckets                         (pure)
pace         how many messages are due                                        (pure)
account      what a worker hands in at the end, and the sum of all            (pure)
stages       marks on the time axis from what the operation prints            (pure)
verdict      what all that amounts to                                         (pure)
queues       declared before, deleted afterwards
worker       what is sent next, and what is made of what comes back           (pure)
reconnecting which member a client goes to, and when                          (pure)
amqp, stomp  a publisher and a consumer that come back after a lost connection
process      the workers of one process, on one event loop
fleet        all processes
operation    the command of --during
run          the order of all this
report       text, JSON, a page
"""
