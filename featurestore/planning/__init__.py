"""Planning: from definitions and a request to what an engine carries out, and to what apply would change."""
