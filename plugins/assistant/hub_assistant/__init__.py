"""Suggestions of a language model on the county's own network, beside the rules and never instead of them."""
