"""Neo4j: who is talked to, the managed server, and the store."""
