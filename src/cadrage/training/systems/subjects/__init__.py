"""How the subject head learns where people, animals and other objects are."""
