"""Data contracts: Avro schemas in git, what is wrong with them, who can read whom, and what must be registered."""
