"""What tasks and the leaderboard reckon with: finding answers, comparing texts, running code, statistics."""
