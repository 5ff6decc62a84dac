// Follows the numbers of a course's page: one question at a time, which the classroom answers when
// something is new. Whoever looks elsewhere asks nothing.
(() => {
  const { address, xsrf, following, away, anew, reload, over, ...told } = document.currentScript.dataset;
  const SOON = 1e3;
  const LATEST = 60e3;
  const line = document.querySelector("[data-live]");
  let seen = told.seen;
  let wait = SOON;
  let asking = null;
  let timer = 0;
  let at = new Date();

  const say = (text, kind) => {
    const words = kind === "wait" ? text.replace("{time}", at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })) : text;
    if (line.textContent !== words) { line.textContent = words; }
    line.className = `state below ${kind}`;
    line.hidden = false;
  };

  const fresh = (place) => {
    place.classList.remove("fresh");
    void place.offsetWidth; // so that it begins again
    place.classList.add("fresh");
  };

  const within = (parent, name, value) =>
    parent && [...parent.querySelectorAll(`[data-${name}]`)].find((each) => each.dataset[name] === value);

  const show = (news) => {
    for (const [name, counts] of Object.entries(news.counts)) {
      const row = within(document.querySelector("table.overview"), "assignment", name);
      for (const [kind, count] of Object.entries(counts)) {
        const place = within(row, "count", kind);
        if (place && place.textContent !== String(count)) {
          place.textContent = count;
          fresh(place);
        }
      }
    }
    for (const [name, user, html] of news.cells) {
      const row = within(document.querySelector("table.people"), "user", user);
      const place = within(row, "assignment", name)?.querySelector(".cell");
      // Who is on one of its links keeps it until the next page.
      if (place && place.innerHTML.trim() !== html && !place.contains(document.activeElement)) {
        place.innerHTML = html;
        fresh(place);
      }
    }
    seen = news.seen;
    at = new Date();
    say(following, "live");
    if (news.anew) {
      const link = document.createElement("a");
      link.href = "";
      link.textContent = reload;
      line.replaceChildren(`${anew} `, link, ".");
    }
  };

  const ask = async () => {
    clearTimeout(timer);
    if (document.hidden || asking) { return; }
    asking = new AbortController();
    let next = 0;
    try {
      const answer = await fetch(`${address}?seen=${encodeURIComponent(seen)}`, {
        headers: { "X-XSRFToken": xsrf }, redirect: "error", signal: asking.signal,
      });
      if (answer.status === 403 || answer.status === 404) {
        say(over, "wait");
        return;
      }
      if (answer.status === 200) {
        show(await answer.json());
      } else if (answer.status === 204) {
        at = new Date();
        if (line.hidden || line.classList.contains("wait")) { say(following, "live"); }
      } else {
        throw new TypeError(`status ${answer.status}`);
      }
      wait = SOON;
    } catch (error) {
      if (error.name === "AbortError") { return; }
      // The classroom is away, or the login is over: what is shown stays.
      if (!(error instanceof TypeError) && !(error instanceof SyntaxError)) { throw error; }
      say(away, "wait");
      // Not all who look at the same moment, when it is back.
      next = wait * (0.5 + Math.random());
      wait = Math.min(2 * wait, LATEST);
    } finally {
      asking = null;
    }
    timer = setTimeout(ask, next);
  };

  const look = () => {
    if (document.hidden) { asking?.abort(); } else { ask(); }
  };

  if (line) {
    say(following, "live");
    ask();
    document.addEventListener("visibilitychange", look);
  }
})();
