-- What can be asked of a ModelDeployment in which phase.
local possible_in = {
  promote = {Progressing = true, Paused = true, AwaitingApproval = true},
  abort = {
    Deploying = true,
    Progressing = true,
    Paused = true,
    AwaitingApproval = true,
    Promoting = true,
  },
  retry = {RolledBack = true, Failed = true},
  pause = {Progressing = true},
  resume = {Paused = true},
  rollback = {Stable = obj.status ~= nil and obj.status.former ~= nil},
}

local phase = obj.status ~= nil and obj.status.phase or ""
local actions = {}
for verb, phases in pairs(possible_in) do
  actions[verb] = {disabled = not phases[phase]}
end
return actions
