// A sound for new alerts, made here: two notes, a third for those that are high or critical.
const NOTES = { critical: [880, 660, 880], high: [880, 660, 880], medium: [660, 880], low: [660], info: [] };
const LENGTH_S = 0.16;
let context = null;

const wanted = () => document.body.dataset.sound === "on";

function note(frequency, at) {
  const tone = new OscillatorNode(context, { frequency, type: "triangle" });
  const loudness = new GainNode(context, { gain: 0 });
  loudness.gain.setTargetAtTime(0.25, at, 0.01);
  loudness.gain.setTargetAtTime(0, at + LENGTH_S * 0.7, 0.03);
  tone.connect(loudness).connect(context.destination);
  tone.start(at);
  tone.stop(at + LENGTH_S + 0.2);
}

export function ring(row) {
  if (!wanted() || !context) return;
  if (localStorage.getItem("linli.rang") === row.id) return; // another window of this browser did
  const severity = Object.keys(NOTES).find((name) => row.classList.contains(name)) ?? "low";
  NOTES[severity].forEach((frequency, number) => note(frequency, context.currentTime + number * LENGTH_S));
  document.body.dataset.rang = row.id;
  localStorage.setItem("linli.rang", row.id);
}

// Browsers play nothing before somebody has touched the page: it says so instead of being mute.
export function startSound() {
  const button = document.getElementById("sound");
  if (!wanted() || !button) return;
  context = new AudioContext();
  const tell = () => {
    const deaf = context.state !== "running";
    button.classList.toggle("deaf", deaf);
    button.title = deaf ? document.getElementById("words").dataset.deaf : button.ariaLabel;
  };
  for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, () => { context.resume(); });
  context.addEventListener("statechange", tell);
  tell();
}
