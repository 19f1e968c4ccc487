"""What clients see: names, nullability, descriptions, where each field comes from. No queries, no decisions."""
