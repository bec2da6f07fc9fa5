"""Models of random numbers, and the shipped one, each with both engines."""

from __future__ import annotations

import pytest
from engine_cases import CONFIGS, Case, case_of, random_case

from cnncompress.model.weights import Weights


@pytest.fixture(scope="module", params=CONFIGS)
def case(request: pytest.FixtureRequest) -> Case:
    return random_case(request.param)


@pytest.fixture(scope="module")
def shipped(weights: Weights) -> Case:
    return case_of(weights)
