// Keeps what a page says of sessions fresh: asks the classroom for the parts, and ticks times.
(() => {
  const { address, xsrf, words: told } = document.currentScript.dataset;
  const words = JSON.parse(told);
  const PAUSE = 10e3;
  const ENDING = 15 * 60;
  const shown = new Map();

  const fill = (text, values) => text.replace(/{(\w+)}/g, (_, name) => values[name]);

  // A time as the reader's own clock has it: 13:40, tomorrow 09:10, Friday 09:10, 4 Dec 09:10; in
  // the page's language, as courses.words.clock says it.
  const clock = (moment, style) => {
    const { days: names, months, date } = words.clock;
    const midnight = (each) => new Date(each).setHours(0, 0, 0, 0);
    const days = Math.round((midnight(moment) - midnight(Date.now())) / 86400e3);
    const two = (count) => String(count).padStart(2, "0");
    const time = `${two(moment.getHours())}:${two(moment.getMinutes())}`;
    const day = days > 1 && days < 7
      ? names[(moment.getDay() + 6) % 7]
      : fill(date, { day: moment.getDate(), month: months[moment.getMonth()] });
    return fill(words.clock[style][days] ?? words.clock[style].day, { day, time });
  };

  const left = (seconds) => {
    const minutes = Math.floor(seconds / 60);
    if (seconds <= 0) { return words.over; }
    if (minutes < 1) { return words.last; }
    if (minutes < 120) { return fill(minutes === 1 ? words.minute : words.minutes, { count: minutes }); }
    return fill(words.hours, { count: Math.floor(minutes / 60) });
  };

  const say = (place, text) => {
    if (place.textContent !== text) { place.textContent = text; }
  };

  const voice = document.createElement("p");
  voice.className = "unseen";
  voice.setAttribute("role", "status");
  document.body.append(voice);

  const tick = () => {
    for (const place of document.querySelectorAll("[data-part=line] time")) {
      say(place, clock(new Date(place.dateTime), "at" in place.dataset ? "at" : "short"));
    }
    for (const place of document.querySelectorAll("[data-ends]")) {
      const seconds = place.dataset.ends - Date.now() / 1000;
      say(place, left(seconds));
      const line = place.closest(".state");
      if (seconds <= ENDING && !line.classList.contains("ending")) {
        line.classList.add("ending");
        say(voice, line.textContent);
      }
    }
  };

  // Only what is new is replaced, and who is on one of its buttons stays there.
  const renew = (place, html) => {
    const held = place.contains(document.activeElement) ? document.activeElement.textContent : null;
    place.innerHTML = html;
    if (held !== null) {
      [...place.querySelectorAll("a, button")].find((each) => each.textContent === held)?.focus();
    }
  };

  const show = (sessions) => {
    const news = [];
    for (const place of document.querySelectorAll("[data-session]")) {
      const { session, part, state } = place.dataset;
      const told = sessions[session];
      if (!told) { continue; }
      if (shown.get(place) !== told[part]) {
        shown.set(place, told[part]);
        renew(place, told[part]);
      }
      place.dataset.state = told.state;
      if (part === "line" && state !== told.state) { news.push(place); }
    }
    tick();
    if (news.length) { say(voice, news.map((place) => place.textContent.trim()).join(" ")); }
  };

  const ask = async () => {
    try {
      const answer = await fetch(address, { headers: { "X-XSRFToken": xsrf }, redirect: "error" });
      if (answer.ok) { show((await answer.json()).sessions); }
    } catch (error) {
      // The classroom is away, or the login is over: what is shown stays, and the next click says it.
      if (!(error instanceof TypeError)) { throw error; }
    }
  };

  const look = () => { if (!document.hidden) { ask(); } };

  tick();
  setInterval(tick, 1000);
  setInterval(look, PAUSE);
  document.addEventListener("visibilitychange", look);
})();
