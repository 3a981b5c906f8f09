"""What the doctor tries, by what it is about: each module gives checks, and none of them raises what AWS refuses."""
