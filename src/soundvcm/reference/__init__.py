"""Reference sounds: a small bank that ships, the kinds that texts mean, clips put in a guide's time."""

from soundvcm.reference.bank import BANK_RATE as BANK_RATE
from soundvcm.reference.bank import Kind as Kind
from soundvcm.reference.bank import KindIndex as KindIndex
from soundvcm.reference.bank import Match as Match
from soundvcm.reference.bank import ReferenceBank as ReferenceBank
from soundvcm.reference.bank import ReferenceClip as ReferenceClip
from soundvcm.reference.bank import bundled_bank as bundled_bank
from soundvcm.reference.onsets import curve_correlation as curve_correlation
from soundvcm.reference.onsets import detect_onsets as detect_onsets
from soundvcm.reference.onsets import energy as energy
from soundvcm.reference.placing import clips_of_wave as clips_of_wave
from soundvcm.reference.placing import is_lasting as is_lasting
from soundvcm.reference.placing import place as place
