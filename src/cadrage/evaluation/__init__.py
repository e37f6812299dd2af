"""How good a predictor is: protocols ask and judge, metrics count, baselines set the floor, reports show."""
