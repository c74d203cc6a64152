"""What fits: the most output tokens that every budget takes, and never one more."""

from hypothesis import given
from hypothesis import strategies as st

from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.fitting import Room, UsageEstimate
from spendgate_service.domain.model_usage import Usage
from spendgate_service.domain.prices import Price, Rates
from spendgate_service.domain.rates import Conversion

TOKENS = st.integers(0, 5000)
RATE = st.integers(0, 20 * ONE)
LEFT = st.integers(-ONE, 50 * ONE // 1000)
ROOMS = st.lists(
    st.one_of(
        st.builds(Room, st.just("usd"), LEFT),
        st.builds(Room, st.just("tokens"), st.integers(-ONE, 10_000 * ONE)),
        st.builds(
            Room, st.just("credits"), LEFT, st.just((Conversion("usd", 2 * ONE),))
        ),
    ),
    max_size=3,
)  # fmt: skip


@given(
    read=TOKENS, written=TOKENS, audio=TOKENS, least=TOKENS, rooms=ROOMS,
    rates=st.tuples(RATE, RATE, RATE),
)  # fmt: skip
def test_the_most_fits_and_one_more_does_not(
    read: int, written: int, audio: int, least: int, rooms: list[Room], rates: tuple[int, int, int]
) -> None:
    price = Price(
        "p", "m", "usd",
        Rates(
            input_per_million=rates[0], output_per_million=rates[1],
            output_audio_per_million=rates[2],
        ),
    )  # fmt: skip
    audio = min(audio, written)
    usage = Usage("p", "m", read, written, output_audio_tokens=audio)
    estimate = UsageEstimate(usage, price)

    def fits(output_tokens: int) -> bool:
        amounts = estimate.with_output(output_tokens).amounts()
        return all(room.takes(amounts) for room in rooms)

    most = estimate.most_output(rooms, at_least=least)

    if most is None:
        assert max(least, audio) > written or not fits(max(least, audio))
    else:
        assert max(least, audio) <= most <= written and fits(most)
        assert most == written or not fits(most + 1)


def test_amounts_sent_beside_a_usage_do_not_shrink() -> None:
    price = Price("p", "m", "usd", Rates(input_per_million=ONE, output_per_million=ONE))
    estimate = UsageEstimate(Usage("p", "m", 1000, 1000), price, {"usd": 5 * ONE})

    assert estimate.amounts() == {"usd": 5 * ONE, "tokens": 2000 * ONE}
    assert estimate.most_output([Room("usd", 5 * ONE)]) == 1000
    assert estimate.most_output([Room("usd", 5 * ONE - 1)]) is None
    assert estimate.most_output([Room("tokens", 1500 * ONE)]) == 500
