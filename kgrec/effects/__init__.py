"""What would be recommended if a fact or a past choice were not there: interventions, recomputed exactly."""

from kgrec.effects.flow import FlowEffects
from kgrec.effects.intervention import Fact, Intervention
from kgrec.effects.person import Person
from kgrec.effects.ranking import Ranking
from kgrec.effects.sets import EdgeSet, SetSearch

__all__ = ["EdgeSet", "Fact", "FlowEffects", "Intervention", "Person", "Ranking", "SetSearch"]
