"""The message relay: what it decides is in plugins/module_utils/brokers/relay/, what it does is here."""
