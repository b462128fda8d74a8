"""What a message relay decides, without input or output: its request, what an answer means, how long to wait."""
