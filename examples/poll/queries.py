"""What the poll asks its database, and the schemas that this works with: it needs "label" (2), and nothing that the step after takes away (3)."""
CODE_MIN, CODE_MAX = 2, 3

CHOICE = "SELECT id FROM choices WHERE label = ?"
MINE = "SELECT label FROM votes JOIN choices ON id = choice WHERE voter = ?"
RESULTS = "SELECT label, count(voter) FROM choices LEFT JOIN votes ON choice = id GROUP BY id ORDER BY id"
VOTE = "INSERT INTO votes (voter, choice) VALUES (?, ?) ON CONFLICT (voter) DO UPDATE SET choice = excluded.choice"
