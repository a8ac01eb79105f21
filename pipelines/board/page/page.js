// The board: a table of features, a page for each view, kept up to date by server-sent events.

import { showView } from "./view.js";
import { showTable, startTable } from "./table.js";
import { STATES, clock, state } from "./text.js";

const at = (name) => document.getElementById(name);

let board = null;

// The view that the address names, as in #/view/purchases; null for the table.
function wanted() {
  const found = location.hash.match(/^#\/view\/(.+)$/);
  return found ? decodeURIComponent(found[1]) : null;
}

function summary() {
  const counts = Object.fromEntries(STATES.map((name) => [name, 0]));
  for (const view of board.views) counts[view.state] += view.features.length;
  const told = STATES.filter((name) => counts[name]).map((name) => `${counts[name]} ${state(name)}`);
  const views = board.views.length === 1 ? "1 view" : `${board.views.length} views`;
  return `${views}: ${told.join(", ") || "none"}`;
}

function show() {
  if (board === null) return;
  const name = wanted();
  at("features").hidden = name !== null;
  at("view").hidden = name === null;
  const text = summary();
  // Only what has changed is read out.
  if (at("summary").textContent !== text) at("summary").textContent = text;
  at("live").textContent = `as of ${clock(board.at)}`;
  at("live").className = "";
  const silent = Object.keys(board.silent);
  at("silent").hidden = silent.length === 0;
  at("silent").textContent = `No answer from ${silent.join(", ")}.`;
  document.title = name === null ? "Headwater" : `${name} – Headwater`;
  if (name === null) showTable(board);
  else showView(at("view"), board, name);
  if (!performance.getEntriesByName("shown").length) performance.mark("shown");
}

function lost(why) {
  at("live").textContent = `${why}; what stands here is of ${board === null ? "no time" : clock(board.at)}`;
  at("live").className = "lost";
}

function follow() {
  const events = new EventSource("api/events");
  events.onmessage = (message) => {
    board = JSON.parse(message.data);
    show();
  };
  events.onerror = async () => {
    lost("The connection is lost, trying again");
    // A browser tries again by itself unless it was refused.
    if (events.readyState !== EventSource.CLOSED) return;
    const answer = await fetch("api/board").catch(() => null);
    if (answer?.status === 401) location.reload();
    else setTimeout(follow, 3000);
  };
}

startTable(show);
addEventListener("hashchange", () => {
  if (!/^#(\/.*)?$/.test(location.hash)) return; // a link within the page
  show();
  at("main").focus({ preventScroll: true });
  scrollTo(0, 0);
});
follow();
