"""What an application needs to reach its broker: from the inventory's variables to the files that its clients read."""
