"""The operating system: durable files, locks, start-up."""
