"""What is added to a call: its place, its agent, its visitor, its data set."""
