"""The integration hub for government services that act before the complaint (未诉先办)."""
