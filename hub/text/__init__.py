"""Language: who somebody is, what must not be shown, and which words call for attention."""
