// Words for staff outlive a connection that is lost as they are sent: they stay on the phone until a
// page says that they arrived.
const KEY = "linli.words";
const areas = [...document.querySelectorAll("textarea[id]")];
const named = (area) => `${location.pathname}#${area.id}`;

const read = () => { try { return JSON.parse(localStorage.getItem(KEY)) ?? {}; } catch { return {}; } };
const write = (kept) => { try { localStorage.setItem(KEY, JSON.stringify(kept)); } catch { /* no room: as without this */ } };

// The words of one page at a time: nothing piles up.
function keep() {
  write(Object.fromEntries(areas.filter((area) => area.value).map((area) => [named(area), area.value])));
}

if (document.querySelector("#flashes .ok")) write({});
for (const area of areas) {
  if (!area.value) area.value = read()[named(area)] ?? "";
  area.addEventListener("input", keep);
}
