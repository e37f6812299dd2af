"""Global attention (Yang et al., GAFIC): which parts earn their cost, and how the whole does on public data."""
