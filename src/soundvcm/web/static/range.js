// The time line under hand: a click goes to a moment, a drag chooses a part.
// Knows pointers and seconds; what a part is for is told to the stage.

const SMALLEST_PART = 0.1;

export function draggable(stage, line) {
  let from = null, moved = false;
  const second = (event) => {
    const box = line.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    return share * ((stage.clip && stage.clip.seconds) || stage.length);
  };
  line.onpointerdown = (event) => {
    if (event.button || !(stage.clip || stage.take)) return;
    from = second(event);
    moved = false;
    line.setPointerCapture(event.pointerId);
  };
  line.onpointermove = (event) => {
    if (from === null || !stage.clip || stage.clip.still) return;
    const now = second(event);
    if (!moved && Math.abs(now - from) < SMALLEST_PART) return;
    moved = true;
    stage.choose(Math.min(from, now), Math.max(from, now), true);
  };
  line.onpointerup = () => {
    if (from === null) return;
    if (moved && stage.part) stage.choose(...stage.part);
    else stage.seek(from);
    from = null;
  };
  line.onpointercancel = () => (from = null);
}
