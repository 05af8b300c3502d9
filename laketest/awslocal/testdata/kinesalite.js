// Serves kinesalite on 127.0.0.1 (by itself it binds to every interface), prints
// its address, and ends with its standard input, like the process that started it.
const options = JSON.parse(process.argv[1])
const server = require('kinesalite')(options)
// A client that goes away in mid-request would take kinesalite with it.
process.on('uncaughtException', err => {
  if (err.code === 'ECONNRESET') return
  console.error(err.stack || err)
  process.exit(1)
})
process.stdin.on('end', () => process.exit(0)).resume()
server.listen(options.port || 0, '127.0.0.1', () => console.log('listening http://127.0.0.1:' + server.address().port))
