// One view: what holds, where the time went over the last hour, what is rejected.

import { greatest, lineChart, stackChart } from "./charts.js";
import { clock, element, number, seconds, state } from "./text.js";

const MEANINGS = {
  stuck: "Events may exist that are not visible.",
  silent: "No materializer tells of it.",
  starting: "It began to look a moment ago.",
  stale: "A read may find values older than promised.",
  fresh: "What happens becomes visible as promised.",
  no_events: "The sources are silent, and all that exists is visible.",
};

let asked = 0;

// Draws the view of this name; its past is fetched, and drawn once it is there.
export async function showView(place, board, name) {
  const view = board.views.find((each) => each.view === name);
  const ask = ++asked;
  const answer = view ? await fetch(`api/view/${encodeURIComponent(name)}`).catch(() => null) : null;
  const past = answer?.ok ? await answer.json() : null;
  // Another view was asked for meanwhile.
  if (ask !== asked) return;
  const focused = place.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  place.replaceChildren(...(view ? parts(view, past) : [back(), element("p", {}, `There is no view ${name}.`)]));
  if (focused !== null) place.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

const back = () => element("p", {}, element("a", { href: "#/" }, "← All features"));

function parts(view, past) {
  const promised = view.promised_seconds === null ? "" : `, promised ${seconds(view.promised_seconds)}`;
  return [
    back(),
    element("h2", {}, view.view),
    element("p", {},
      element("span", { className: `state ${view.state}` }, state(view.state)),
      ` since ${clock(view.since)}. ${MEANINGS[view.state]} `,
      element("span", { className: "quiet" }, `Owner: ${view.owner || "unknown"}${promised}.`)),
    figures(view),
    ...conditions(view),
    ...(past && past.at.length ? [element("h3", {}, "The last hour"), charts(past)] : []),
    ...budgets(view),
    ...letters(view),
    element("h3", {}, "Features"),
    element("ul", { className: "names" }, ...view.features.map((name) => element("li", {}, name))),
  ];
}

function figures(view) {
  const ago = (instant) => (instant === null ? "–" : `${seconds(Math.max(0, Date.now() / 1000 - instant))} ago`);
  const shown = [
    ["Fresh, p50", seconds(view.p50)], ["Fresh, p99", seconds(view.p99)], ["A read's age", seconds(view.read_age)],
    ["Newest event", ago(view.newest_event)], ["Events/s", number(view.rates.events)],
    ["Rows/s online", number(view.rates["rows written online"])], ["Rows that wait", number(view.lag_rows)],
    ["Not archived", number(view.archive_lag_rows)], ["Checkpoint", ago(view.checkpoint_at)],
  ];
  return element("dl", {}, ...shown.map(([title, text]) =>
    element("div", {}, element("dt", {}, title), element("dd", {}, text))));
}

function conditions(view) {
  if (!view.conditions.length) return [];
  return [
    element("h3", {}, "What holds now"),
    element("ul", { className: "conditions" }, ...view.conditions.map((each) =>
      element("li", {}, element("b", {}, each.name), `(${each.severity}) ${each.summary} `, element("i", {}, each.remedy)))),
  ];
}

function charts(past) {
  const line = (name, values) => ({ name, values });
  const times = [clock(past.at[0]), clock(past.at.at(-1))];
  const stages = Object.entries(past.stages).map(([name, values]) => line(state(name), values));
  const rates = Object.entries(past.rates).map(([name, values]) => line(name, values));
  const moving = rates.filter((each) => greatest(each.values) > 0);
  return element("div", { className: "charts" },
    stackChart("Where the time goes, mean", stages, times, seconds),
    lineChart("From event to visible, p99", [line("p99", past.p99)], times, seconds),
    lineChart("Age that a read may find", [line("age", past.read_age)], times, seconds),
    lineChart("Per second", moving, times, number),
    lineChart("Rows that wait for the online store", [line("rows", past.lag_rows)], times, number));
}

function budgets(view) {
  if (!view.budgets.length) return [];
  const percent = (share) => (share === null ? "–" : `${+(share * 100).toFixed(3)} %`);
  const burns = (rate) => (rate === null ? "–" : `${rate.toFixed(2)}×`);
  return [
    element("h3", {}, "Objectives"),
    table(["objective", "promised", "over", "budget left", "burnt in the last hour, by what is allowed"],
      view.budgets.map((each) => [
        state(each.objective), percent(each.share), `${each.over_days} days`, percent(each.left), burns(each.burn_rate)])),
  ];
}

function letters(view) {
  const reasons = Object.keys(view.rejected);
  const rows = reasons.map((reason) => [reason, number(view.rejected[reason]), number(view.rejected_last_hour[reason] ?? 0)]);
  return [
    element("h3", {}, "Dead letters"),
    reasons.length
      ? table(["reason", "since the job began", "last hour"], rows)
      : element("p", { className: "quiet" }, "None since the job began."),
  ];
}

function table(heads, rows) {
  const cells = (kind, texts) => texts.map((text) => element(kind, kind === "th" ? { scope: "col" } : {}, text));
  return element("table", {},
    element("thead", {}, element("tr", {}, ...cells("th", heads))),
    element("tbody", {}, ...rows.map((row) => element("tr", {}, ...cells("td", row)))));
}
