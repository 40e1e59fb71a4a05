"""What is wrong with a rule, in words: hypotheses that explain the numbers to their error bounds."""
