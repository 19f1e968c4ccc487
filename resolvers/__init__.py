"""From GraphQL to the law and back: reads are compiled, mutations call one verb each."""
