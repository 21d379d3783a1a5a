// The live console. The server draws everything; this puts it in place and keeps it true.
import { startAges } from "./ages.js";
import { startActing } from "./act.js";
import { startKeys } from "./keys.js";
import { startLive } from "./live.js";
import { startPointing } from "./plan.js";
import { startSound } from "./sound.js";
import { startWatching } from "./watch.js";

startAges();
startActing();
startKeys();
startSound();
startWatching();
startPointing();
if (document.body.classList.contains("live")) startLive();
