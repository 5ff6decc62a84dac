// Follows a run of grading on an assignment's page; when it is over, the page comes anew.
(() => {
  const place = document.querySelector("[data-grading]");
  const { xsrf, away } = document.currentScript.dataset;
  const LATEST = 60e3;
  let wait = 1e3;
  let asking = null;

  const ask = async () => {
    if (document.hidden || asking) { return; }
    asking = new AbortController();
    let next = 500;
    try {
      const answer = await fetch(
        `${place.dataset.grading}?seen=${encodeURIComponent(place.dataset.seen)}`,
        { headers: { "X-XSRFToken": xsrf }, redirect: "error", signal: asking.signal },
      );
      if (answer.status === 403 || answer.status === 404) { return; }
      if (!answer.ok) { throw new TypeError(`status ${answer.status}`); }
      const news = await answer.json();
      if (news.over) {
        location.reload();
        return;
      }
      if (news.seen !== place.dataset.seen) { place.innerHTML = news.html; }
      place.dataset.seen = news.seen;
      wait = 1e3;
    } catch (error) {
      if (error.name === "AbortError") { return; }
      if (!(error instanceof TypeError) && !(error instanceof SyntaxError)) { throw error; }
      // The classroom is away, or the login is over: it goes on without this page.
      const line = place.querySelector(".state");
      if (line) { line.textContent = away; }
      next = wait * (0.5 + Math.random());
      wait = Math.min(2 * wait, LATEST);
    } finally {
      asking = null;
    }
    setTimeout(ask, next);
  };

  if (place && place.dataset.over === "false") {
    ask();
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) { asking?.abort(); } else { ask(); }
    });
  }
})();
