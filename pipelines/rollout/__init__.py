"""What is deployed, what is declared, what lies between them, and the way from the one to the other."""
