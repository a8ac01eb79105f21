"""The shop example: purchases, and what a customer has bought lately."""
