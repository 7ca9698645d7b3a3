"""People's pages of statements, learners and activities, and what every page of the administration stands on."""

from statements.admin import activities as activities
from statements.admin import journal as journal
from statements.admin import people as people
from statements.admin import statements as statements
