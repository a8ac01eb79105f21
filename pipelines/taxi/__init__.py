"""An example beside the shop: two topics of a taxi company, and views that use what a declaration can say."""
