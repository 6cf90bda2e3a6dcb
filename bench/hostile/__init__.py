"""The parts of bench/hostile_peers.py."""
