/**
 * The emoji that the picker offers, with the names by which they are found and which `:name:` in a text stands for.
 *
 * @module
 */

const GROUPS = {
  "Often used": "👍 +1 thumbs_up yes|❤️ heart love|😂 joy tears laugh|🎉 tada party|👀 eyes look|🙏 pray thanks please|✅ check done|🚀 rocket ship|😄 smile happy|🤔 thinking hmm|👏 clap bravo|🔥 fire hot",
  Smileys:
    "😀 grinning|😃 smiley|😁 grin|😆 laughing|😅 sweat_smile|🤣 rofl|🙂 slight_smile|🙃 upside_down|😉 wink|😊 blush|😇 innocent angel|🥰 in_love|😍 heart_eyes|🤩 star_struck|😘 kissing_heart|😋 yum|😛 tongue|😜 wink_tongue|🤪 zany|🤗 hugs|🤭 giggle oops|🤫 shush quiet|🤐 zipper|🤨 raised_eyebrow|😐 neutral|😑 expressionless|😶 no_mouth|😏 smirk|😒 unamused|🙄 eye_roll|😬 grimacing|😌 relieved|😔 pensive|😪 sleepy|😴 sleeping zzz|😷 mask|🤒 thermometer ill|🤕 hurt|🤢 nauseated|🤧 sneeze|🥵 hot_face|🥶 cold|😵 dizzy|🤯 mind_blown|🤠 cowboy|🥳 partying|😎 sunglasses cool|🤓 nerd|🧐 monocle|😕 confused|😟 worried|🙁 frown|😮 open_mouth|😲 astonished|😳 flushed|🥺 pleading|😧 anguished|😨 fearful|😰 anxious|😥 disappointed|😢 cry sad|😭 sob|😱 scream|😩 weary|😫 tired|🥱 yawn|😤 triumph|😡 rage|😠 angry|🤬 swearing|😈 smiling_devil|💀 skull|💩 poop|🤡 clown|👻 ghost|👽 alien|🤖 robot",
  "People and hands":
    "👋 wave hello bye|✋ hand stop|👌 ok_hand perfect|🤌 pinched|✌️ victory peace|🤞 fingers_crossed luck|🤘 metal|🤙 call_me|👈 point_left|👉 point_right|👆 point_up|👇 point_down|👎 -1 thumbs_down no|✊ fist|👊 punch|🙌 raised_hands hooray|🤝 handshake deal|💪 muscle strong|🧠 brain|🙋 raising_hand|🤷 shrug|🤦 facepalm|🙇 bow|💁 info|🏃 running|💃 dancing|🧑‍💻 developer coder|🦸 hero|🧙 wizard|👑 crown",
  "Animals and nature":
    "🐶 dog|🐱 cat|🐭 mouse|🐰 rabbit|🦊 fox|🐻 bear|🐼 panda|🐨 koala|🦁 lion|🐮 cow|🐷 pig|🐸 frog|🐵 monkey|🙈 see_no_evil|🐔 chicken|🐧 penguin|🐦 bird|🦉 owl|🦄 unicorn|🐝 bee|🐛 bug|🦋 butterfly|🐌 snail|🐢 turtle|🐍 snake|🐙 octopus|🐟 fish|🐳 whale|🐬 dolphin|🌵 cactus|🎄 christmas_tree|🌱 seedling|🌹 rose|🌻 sunflower|🍀 four_leaf_clover|🍁 maple_leaf|🌍 earth world|🌙 moon|⭐ star|🌈 rainbow|☀️ sun|⛅ cloud|🌧️ rain|⚡ zap lightning|❄️ snowflake",
  "Food and drink":
    "🍏 apple|🍌 banana|🍓 strawberry|🍒 cherries|🍋 lemon|🥑 avocado|🌶️ chili|🍞 bread|🧀 cheese|🍕 pizza|🍔 burger|🌮 taco|🍣 sushi|🍜 ramen noodles|🍪 cookie|🎂 birthday cake|🍩 doughnut|🍫 chocolate|🍿 popcorn|☕ coffee|🍵 tea|🍺 beer|🍷 wine|🥂 cheers",
  "Things and places":
    "⚽ soccer|🏀 basketball|🏆 trophy win|🥇 gold_medal first|🎯 dart target|🎮 game|🎲 dice|🎸 guitar|🎵 music|🎬 movie|🎨 art|🚗 car|🚲 bike|🚂 train|✈️ airplane|🏠 house home|🏥 hospital|🏖️ beach|⌚ watch|📱 phone|💻 laptop computer|⌨️ keyboard|🖨️ printer|💾 floppy save|📷 camera|🔋 battery|💡 bulb idea|🔦 torch|🧯 extinguisher|💸 money|💎 gem|🔧 wrench fix|🔨 hammer build|⚙️ gear|🧪 test_tube|🔬 microscope|🧹 broom cleanup|🎁 gift|🎈 balloon|📦 package release|📝 memo note|📌 pushpin|📎 paperclip|📅 calendar|📈 chart_up|📉 chart_down|🔍 mag search|🔒 lock|🔑 key|🔔 bell|📣 megaphone|✉️ envelope mail",
  Signs:
    "🧡 orange_heart|💛 yellow_heart|💚 green_heart|💙 blue_heart|💜 purple_heart|🖤 black_heart|💔 broken_heart|💯 100 hundred|💥 boom|💤 zzz|💬 speech_balloon|❗ exclamation|❓ question|⚠️ warning|🚫 no_entry|❌ x cross|⭕ circle|♻️ recycle|🆗 ok|🆕 new|🔄 arrows refresh|➕ plus|➖ minus|🔴 red_circle|🟢 green_circle|🟡 yellow_circle|🏁 finish|🚧 construction wip|🏳️‍🌈 rainbow_flag",
};

/** @type {{ name: string, emoji: { emoji: string, names: string[] }[] }[]} */
export const groups = Object.entries(GROUPS).map(([name, text]) => ({
  name,
  emoji: text.split("|").map((entry) => {
    const [emoji = "", ...names] = entry.split(" ");
    return { emoji, names };
  }),
}));

const all = groups.flatMap((group) => group.emoji);
const byName = new Map(all.flatMap(({ emoji, names }) => names.map((name) => [name, emoji])));
const names = new Map(all.map((one) => [one.emoji, one.names[0]]));

/** What the picker offers first, and a message's own buttons. */
export const quick = ["👍", "❤️", "😂", "🎉", "👀", "✅"];

/** @param {string} name @returns {string | null} */
export const emojiNamed = (name) => byName.get(name) ?? null;

/** A name to be read out; the emoji itself where there is none. @param {string} emoji */
export const nameOfEmoji = (emoji) => (names.get(emoji) ?? emoji).replaceAll("_", " ");

/** Those with a name that has this in it, best first. @param {string} text @param {number} [most] */
export function findEmoji(text, most = 60) {
  const wanted = text.toLowerCase().trim().replaceAll(" ", "_");
  const rank = ({ names: own }) => Math.min(...own.map((name) => (name.startsWith(wanted) ? 0 : name.includes(wanted) ? 1 : 2)));
  return all
    .map((one) => ({ one, rank: rank(one) }))
    .filter((found) => found.rank < 2)
    .sort((a, b) => a.rank - b.rank)
    .slice(0, most)
    .map((found) => found.one);
}
