"""The rooms of the task history: the tables, what writes them and what reads them."""
