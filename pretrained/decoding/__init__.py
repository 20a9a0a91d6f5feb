"""What do the scores of a network say about the text? Entities and answers, by their places; no torch."""
