"""How the parameters of a task class become the values of its instances."""
