// Shows how far a trial is; when it is over, the page is loaded with what came of it.
const box = document.getElementById("trial");
const bar = box.querySelector("progress");
const said = box.querySelector(".said");
const count = new Intl.NumberFormat(document.documentElement.lang);
const PAUSE_MS = 500;

async function look() {
  const answer = await fetch(location.pathname, { headers: { Accept: "application/json" } }).catch(() => null);
  if (answer?.ok && !answer.redirected) {
    const found = await answer.json().catch(() => null); // cut in its middle: asked again
    if (found && !found.running) return location.reload();
    if (found?.records) {
      bar.max = found.records;
      bar.value = found.read;
      said.textContent = box.dataset.words.replace("{read}", count.format(found.read)).replace("{records}", count.format(found.records));
    }
  } else if (answer) {
    return location.reload();
  }
  setTimeout(look, PAUSE_MS);
}

setTimeout(look, PAUSE_MS);
