"""The HTTP side: GraphQL endpoint, GraphiQL, health, the pages behind e-mailed links, the request log."""
