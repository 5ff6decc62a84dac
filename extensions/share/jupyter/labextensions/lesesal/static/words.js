// What our scripts say, in the person's language: the one chosen on the site's pages, as the
// session's server tells. The texts are in English; translations are in lesesal_notebook/locale.

let words = {};
// For dates: as the site's pages write them.
export let locale = "en-GB";
// When the language is known, or nobody could tell.
export let ready = Promise.resolve();

/** The text in the person's language, with what stands in braces filled in. */
export function _(text, values = {}) {
  return (words[text] ?? text).replace(/\{(\w+)\}/g, (_all, name) => values[name]);
}

/** From now on, say it in this language. */
export function use({ language, words: found }) {
  words = found;
  locale = language === "en" ? "en-GB" : language;
}

/**
 * Ask the session's server; `ready` says when it has answered.
 *
 * @param {object} lab - what it needs of JupyterLab's packages, by name.
 */
export function ask(lab) {
  ready = answered(lab);
}

async function answered({ ServerConnection, URLExt }) {
  const settings = ServerConnection.makeSettings();
  const url = URLExt.join(settings.baseUrl, "lesesal", "words");
  try {
    const answer = await ServerConnection.makeRequest(url, {}, settings);
    if (answer.ok) use(await answer.json());
  } catch (error) {
    console.warn("The person's language is not known:", error);
  }
}
