"""Human-centric cropping (Zhang et al., ECCV 2022): how it does on all photos and on those with a person."""
