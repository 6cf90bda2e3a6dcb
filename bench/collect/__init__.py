"""Parts of the collection benchmark: its source, its contenders, and how they are measured."""
